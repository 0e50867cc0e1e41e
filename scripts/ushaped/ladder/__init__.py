"""The ladder: the embedded family of small transformers that this project trains itself."""
