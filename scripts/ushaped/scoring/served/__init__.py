"""Models on a server: checked, then queried by the OpenAI-compatible protocol."""
