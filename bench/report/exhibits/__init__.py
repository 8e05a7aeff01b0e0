"""Exhibits: gradients, batch norms, feature maps and loss curves of models, as tables, figures and a page."""
