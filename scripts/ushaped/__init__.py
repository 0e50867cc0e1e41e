"""U-Shaped: how does a task change as language models grow?"""

__version__ = "0.1.0"
