"""The contract between the steps: columns, reader and writer of every file of results."""
