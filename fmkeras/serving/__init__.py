"""Trained runs on the web: LibreTranslate's interface, house prices, and a page for people."""
