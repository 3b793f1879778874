"""The shipped analytics: `.chain` files, content and not code."""
