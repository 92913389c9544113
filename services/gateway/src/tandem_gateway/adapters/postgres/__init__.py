"""The stored API clients."""
