"""Inventory: every Fivetran connector of an account in SQL, current state and full history."""

__version__ = "0.1.0"
