"""The alembic environment all services share; a service only has ``migrations/versions``."""
