"""The bilingual grammar behind the phrasebook: words and their forms, what fills a slot, and how patterns expand."""
