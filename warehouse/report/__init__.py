"""A page to look at, from a notebook or from Markdown with queries in it.

`markdown_file` makes a notebook of Markdown, `execution` runs one, `page` lays it out as HTML that
needs nothing from outside, `origin` says where the data came from. `shown` draws tables and plots.
"""
