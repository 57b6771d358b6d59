"""What a classification is worth: figures, confusions, rivals, curve and stability."""
