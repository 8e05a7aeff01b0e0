"""The site: HTML pages from run folders, `reports/index.html` and the pages that it links to."""
