"""Models that a server holds: asked over the OpenAI-compatible protocol, and checked first."""
