"""The page: what has been found, for people; rendered here, without anything from elsewhere."""
