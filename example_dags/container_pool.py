"""
Tasks in containers, from a private registry.

Every node fetches ``container_image_names`` before it takes tasks; a task whose image is not there yet
fetches it when it starts. The operating system must carry a container runtime, as ``VmImage.ubuntu_hpc``
does.

The login of the registry is in an Airflow connection of its own, ``films_registry``: it is read when the
task runs and hidden in Airflow's logs. Where the pool has a user-assigned identity that may pull from the
registry, ``ContainerRegistry(registry_server=..., identity_resource_id=...)`` needs no login at all.

A registry that none of the images comes from is refused while this file is parsed: in Batch, every node
would become unusable, since it asks for the image without a login.
"""

from __future__ import annotations

from airflow_provider_batch.operators.pools import AzureBatchCreatePoolOperator, AzureBatchDeletePoolOperator
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.specs import (
    ContainerConfiguration,
    ContainerRegistry,
    ContainerSettings,
    PoolSpec,
    TaskSpec,
    VmImage,
)

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

REGISTRY = "films.azurecr.io"
IMAGE = f"{REGISTRY}/render:4"
# A run's id has characters that an id in Batch cannot have.
POOL_ID = "containers-{{ run_id | replace(':', '') | replace('.', '') | replace('+', '') }}"

with DAG(
    "container_pool",
    description="Tasks in containers",
    schedule=None,
    catchup=False,
    params={"command": "echo rendered"},
    doc_md=__doc__,
    tags=["azure-batch", "example"],
) as dag:
    # [START howto_container_pool]
    create_pool = AzureBatchCreatePoolOperator(
        task_id="create_pool",
        batch_pool=PoolSpec(
            pool_id=POOL_ID,
            vm_size="standard_d2s_v5",
            image=VmImage.ubuntu_hpc("22.04"),
            target_low_priority_nodes=1,
            container_configuration=ContainerConfiguration(
                container_image_names=[IMAGE],
                container_registries=[
                    ContainerRegistry(
                        registry_server=REGISTRY,
                        username="{{ conn.films_registry.login }}",
                        password="{{ conn.films_registry.password }}",
                    )
                ],
            ),
        ),
        delete_on_kill=True,
        delete_on_failure=True,
        poll_interval=5,
    )
    render = AzureBatchTaskOperator(
        task_id="render",
        batch_pool_id=POOL_ID,
        batch_task=TaskSpec(
            command_line="/bin/sh -c '{{ params.command }}'",
            container_settings=ContainerSettings(image_name=IMAGE, container_run_options="--memory 2g"),
        ),
        poll_interval=1,
    )
    delete_pool = AzureBatchDeletePoolOperator(task_id="delete_pool", batch_pool_id=POOL_ID, poll_interval=5)
    create_pool >> render >> delete_pool.as_teardown(setups=create_pool)
    # [END howto_container_pool]
