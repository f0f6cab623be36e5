"""The receiving side: what consenting devices send, what people say of it, what becomes of it."""
