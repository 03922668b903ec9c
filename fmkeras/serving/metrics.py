"""What /metrics tells Prometheus: how many requests of which kind, how long they took, how full batches were."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """One server's counters; no text is among their labels."""

    def __init__(self) -> None:
        self.registry = here = CollectorRegistry()
        self.requests = Counter("fmkeras_requests", "requests answered", ["path", "status"], registry=here)
        self.seconds = Histogram(
            "fmkeras_request_seconds", "from request to answer", ["path"], buckets=SECONDS, registry=here
        )
        self.batches = Histogram("fmkeras_batch_texts", "texts computed together", buckets=SIZES, registry=here)
        self.waiting = Gauge("fmkeras_waiting_texts", "texts that wait", registry=here)

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self.registry)
