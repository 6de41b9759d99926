"""
Every operation of the 2025-06-01 data plane, named as the vendor SDK names it.

One without a handler is valid in Azure and answers 501 here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import (
    applications,
    autoscale,
    files,
    jobs,
    nodes,
    pools,
    schedules,
    tasks,
)
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services

Handler = Callable[[Services, Call], Response]


@dataclass(frozen=True)
class Operation:
    """
    One operation.

    :param name: the SDK's method without ``begin_`` and ``_internal``.
    :param path: template; a last part ``{filePath}`` takes the rest of the path.
    :param handler: None when it is not implemented.
    """

    name: str
    method: str
    path: str
    handler: Handler | None = None


_JOB = "/jobs/{jobId}"
_TASK = _JOB + "/tasks/{taskId}"
_POOL = "/pools/{poolId}"
_NODE = _POOL + "/nodes/{nodeId}"
_SCHEDULE = "/jobschedules/{jobScheduleId}"

OPERATIONS: tuple[Operation, ...] = (
    Operation("list_applications", "GET", "/applications", applications.listed),
    Operation("get_application", "GET", "/applications/{applicationId}", applications.get),
    Operation("list_pool_usage_metrics", "GET", "/poolusagemetrics", pools.usage_metrics),
    Operation("list_supported_images", "GET", "/supportedimages", pools.supported_images),
    Operation("list_pool_node_counts", "GET", "/nodecounts", pools.node_counts),
    # pools
    Operation("create_pool", "POST", "/pools", pools.create),
    Operation("list_pools", "GET", "/pools", pools.listed),
    Operation("get_pool", "GET", _POOL, pools.get),
    Operation("pool_exists", "HEAD", _POOL, pools.exists),
    Operation("update_pool", "PATCH", _POOL, pools.update),
    Operation("delete_pool", "DELETE", _POOL, pools.delete),
    Operation("disable_pool_auto_scale", "POST", _POOL + "/disableautoscale", autoscale.disable),
    Operation("enable_pool_auto_scale", "POST", _POOL + "/enableautoscale", autoscale.enable),
    Operation("evaluate_pool_auto_scale", "POST", _POOL + "/evaluateautoscale", autoscale.evaluate),
    Operation("resize_pool", "POST", _POOL + "/resize", pools.resize),
    Operation("stop_pool_resize", "POST", _POOL + "/stopresize", pools.stop_resize),
    Operation("replace_pool_properties", "POST", _POOL + "/updateproperties", pools.replace_properties),
    Operation("remove_nodes", "POST", _POOL + "/removenodes", pools.remove_nodes),
    # nodes
    Operation("list_nodes", "GET", _POOL + "/nodes", nodes.listed),
    Operation("get_node", "GET", _NODE, nodes.get),
    Operation("reboot_node", "POST", _NODE + "/reboot", nodes.reboot),
    Operation("start_node", "POST", _NODE + "/start", nodes.start),
    Operation("reimage_node", "POST", _NODE + "/reimage", nodes.reimage),
    Operation("deallocate_node", "POST", _NODE + "/deallocate", nodes.deallocate),
    Operation("disable_node_scheduling", "POST", _NODE + "/disablescheduling", nodes.disable_scheduling),
    Operation("enable_node_scheduling", "POST", _NODE + "/enablescheduling", nodes.enable_scheduling),
    Operation(
        "get_node_remote_login_settings", "GET", _NODE + "/remoteloginsettings", nodes.remote_login_settings
    ),
    Operation("upload_node_logs", "POST", _NODE + "/uploadbatchservicelogs", nodes.upload_logs),
    Operation("list_node_extensions", "GET", _NODE + "/extensions", nodes.list_extensions),
    Operation("get_node_extension", "GET", _NODE + "/extensions/{extensionName}", nodes.get_extension),
    Operation("create_node_user", "POST", _NODE + "/users", nodes.create_user),
    Operation("replace_node_user", "PUT", _NODE + "/users/{userName}", nodes.replace_user),
    Operation("delete_node_user", "DELETE", _NODE + "/users/{userName}", nodes.delete_user),
    Operation("list_node_files", "GET", _NODE + "/files", files.listed),
    Operation("download_node_file", "GET", _NODE + "/files/{filePath}", files.download),
    Operation("get_node_file_properties", "HEAD", _NODE + "/files/{filePath}", files.facts),
    Operation("delete_node_file", "DELETE", _NODE + "/files/{filePath}", files.delete),
    # jobs
    Operation("create_job", "POST", "/jobs", jobs.create),
    Operation("list_jobs", "GET", "/jobs", jobs.listed),
    Operation("get_job", "GET", _JOB, jobs.get),
    Operation("update_job", "PATCH", _JOB, jobs.update),
    Operation("replace_job", "PUT", _JOB, jobs.replace),
    Operation("delete_job", "DELETE", _JOB, jobs.delete),
    Operation("disable_job", "POST", _JOB + "/disable", jobs.disable),
    Operation("enable_job", "POST", _JOB + "/enable", jobs.enable),
    Operation("terminate_job", "POST", _JOB + "/terminate", jobs.terminate),
    Operation(
        "list_job_preparation_and_release_task_status",
        "GET",
        _JOB + "/jobpreparationandreleasetaskstatus",
        jobs.preparation_and_release_status,
    ),
    Operation("get_job_task_counts", "GET", _JOB + "/taskcounts", jobs.task_counts),
    # job schedules
    Operation("create_job_schedule", "POST", "/jobschedules", schedules.create),
    Operation("list_job_schedules", "GET", "/jobschedules", schedules.listed),
    Operation("get_job_schedule", "GET", _SCHEDULE, schedules.get),
    Operation("job_schedule_exists", "HEAD", _SCHEDULE, schedules.exists),
    Operation("update_job_schedule", "PATCH", _SCHEDULE, schedules.update),
    Operation("replace_job_schedule", "PUT", _SCHEDULE, schedules.replace),
    Operation("delete_job_schedule", "DELETE", _SCHEDULE, schedules.delete),
    Operation("disable_job_schedule", "POST", _SCHEDULE + "/disable", schedules.disable),
    Operation("enable_job_schedule", "POST", _SCHEDULE + "/enable", schedules.enable),
    Operation("terminate_job_schedule", "POST", _SCHEDULE + "/terminate", schedules.terminate),
    Operation("list_jobs_from_schedule", "GET", _SCHEDULE + "/jobs", schedules.jobs),
    # tasks
    Operation("create_task", "POST", _JOB + "/tasks", tasks.create),
    Operation("create_task_collection", "POST", _JOB + "/addtaskcollection", tasks.create_collection),
    Operation("list_tasks", "GET", _JOB + "/tasks", tasks.listed),
    Operation("get_task", "GET", _TASK, tasks.get),
    Operation("replace_task", "PUT", _TASK, tasks.replace),
    Operation("delete_task", "DELETE", _TASK, tasks.delete),
    Operation("list_subtasks", "GET", _TASK + "/subtasksinfo", tasks.subtasks),
    Operation("terminate_task", "POST", _TASK + "/terminate", tasks.terminate),
    Operation("reactivate_task", "POST", _TASK + "/reactivate", tasks.reactivate),
    Operation("list_task_files", "GET", _TASK + "/files", files.listed),
    Operation("download_task_file", "GET", _TASK + "/files/{filePath}", files.download),
    Operation("get_task_file_properties", "HEAD", _TASK + "/files/{filePath}", files.facts),
    Operation("delete_task_file", "DELETE", _TASK + "/files/{filePath}", files.delete),
)
