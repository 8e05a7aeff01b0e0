"""From rows to tables and figures. No torch."""
