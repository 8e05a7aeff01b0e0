"""The exam of attacks: questions (image, radius) on small networks, whose answers an exact method has proved."""
