"""The commands, one module per noun; each parses its options, calls the API and shows the answer."""
