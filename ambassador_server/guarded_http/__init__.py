"""HTTP requests to servers that were named by a stranger or a document: guarded addresses, time and size."""
