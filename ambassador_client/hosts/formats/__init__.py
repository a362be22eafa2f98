"""The file formats of the applications: each editor changes one entry and leaves every other byte as it was."""
