"""`bench verify`: stored adversarial images, checked again."""
