"""Talks to Fivetran over HTTP and decides what counts as a response. It never decodes an item."""
