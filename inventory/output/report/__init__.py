"""Turns what the report shows into one self-contained HTML page. It never reads the database.

`content` names what it needs, `page` fills the template, the other modules draw. All text is
escaped by the template; drawings contain numbers and names of health values only.
"""
