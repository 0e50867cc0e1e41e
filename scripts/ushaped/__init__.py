"""U-Shaped: how does a task change as language models grow?"""
