"""Pages in HTML from what run folders hold: `reports/index.html` and what it leads to."""
