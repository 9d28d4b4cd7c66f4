"""From a batch that came in to the doors of the outputs: plans per tag, filters, re-emission, loops."""
