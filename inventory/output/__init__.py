"""Formats rows as text: tables, JSON, CSV and the timeline. It never reads the database."""
