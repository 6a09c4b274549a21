"""KAFKA_PUBLISH: one record to a Kafka topic, sent by a worker of the engine (semantics §5.18)."""

from __future__ import annotations

from .queued import QueuedTask


class KafkaPublishTask(QueuedTask):
    """Needs the extra `kafka`; without it the task fails and says so."""

    name = "KAFKA_PUBLISH"
    summary = "Publish a record to a Kafka topic."
    keys = {"asyncComplete": "Stay open after publishing; somebody else completes the task."}
    input_schema = {
        "type": "object",
        "required": ["kafka_request"],
        "properties": {
            "kafka_request": {
                "type": "object",
                "required": ["bootStrapServers", "topic", "value"],
                "properties": {
                    "bootStrapServers": {
                        "type": "string",
                        "description": "`host:port`, several separated by commas.",
                    },
                    "topic": {"type": "string"},
                    "value": {"description": "Any JSON; it is sent as JSON text."},
                    "key": {"description": "A text or number; none by default."},
                    "keySerializer": {
                        "type": "string",
                        "description": "Class name of Kafka's StringSerializer (default), "
                        "IntegerSerializer or LongSerializer.",
                    },
                    "headers": {"type": "object", "description": "Texts by name."},
                    "requestTimeoutMs": {
                        "type": "integer",
                        "description": "How long the broker may take to answer; 30000 by default.",
                    },
                    "maxBlockMs": {
                        "type": "integer",
                        "description": "How long finding broker and topic may take; 5000 by "
                        "default.",
                    },
                },
            }
        },
    }
