"""The running router: start, reload, drain; HTTP API, metrics, health, log."""
