"""What is no HTTP at all gets its one line as JSON, too: uvicorn itself answers plain text."""

import json

from uvicorn.protocols.http.auto import AutoHTTPProtocol

BODY = json.dumps({"error": "this is not HTTP: see /docs for what there is"}).encode()
HEAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


class JsonErrors(AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # one of two classes, as what is installed decides
    """uvicorn's own protocol, but for its one error that no application sees."""

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, unless an answer to what came before is under way."""
        under_way = self.cycle and self.cycle.response_started and not self.cycle.response_complete
        if not under_way:
            self.transport.write(HEAD % len(BODY) + BODY)
        self.transport.close()
