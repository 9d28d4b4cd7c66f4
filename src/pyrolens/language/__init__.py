"""The config languages: text to one Document of sections with places."""
