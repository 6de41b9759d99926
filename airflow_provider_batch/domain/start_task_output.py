"""What a node's start task printed last; a node serves it while it exists."""

from __future__ import annotations

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["last_words"]

#: bytes shown from the end of the output
_SHOWN = 2048
#: bytes read from its beginning: the size of a file is not known before
_READ = 16 * _SHOWN


def last_words(batch_pool_id: str, node_id: str) -> Flow[str]:
    """
    Flow: return the end of what the start task printed; empty when the node does not serve it.

    :param batch_pool_id: the pool.
    :param node_id: a node whose start task failed.
    """
    for stream in ("stderr", "stdout"):
        try:
            answer: Answer = yield requests.get_node_file(
                batch_pool_id, node_id, f"startup/{stream}.txt", 0, _READ
            )
        except AzureBatchError:
            # Best effort: that the start task failed stands without it.
            continue
        if text := answer.content[-_SHOWN:].decode("utf-8", errors="replace").strip():
            return redact(f"End of the start task's {stream} on node {node_id}:\n{text}")
    return ""
