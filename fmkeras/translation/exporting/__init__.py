"""A trained translator in the formats of others: CTranslate2, Argos Translate, TensorFlow's SavedModel."""
