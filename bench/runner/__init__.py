"""From a request to stored rows."""
