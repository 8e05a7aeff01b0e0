"""Tables as text: Markdown, CSV, columns on a terminal, LaTeX."""
