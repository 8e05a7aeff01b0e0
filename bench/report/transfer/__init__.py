"""Transfer matrices: tables, figures and a page."""
