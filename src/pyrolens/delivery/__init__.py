"""From encoded records to settled receipts: buffer, cut, send, retry, give up. Once, for all outputs."""
