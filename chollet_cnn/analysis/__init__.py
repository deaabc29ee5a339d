"""What a network learned, computed and drawn; for any Keras model."""
