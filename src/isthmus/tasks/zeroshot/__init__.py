"""Classes and labels from words, from a few examples, or from both."""
