"""Leaf: the service that reads growers' data from FieldView once it holds their refresh token."""
