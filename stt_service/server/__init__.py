"""One port for everybody who wants to know what is said: WebSockets, HTTP, a page."""
