"""
What the service answers when it refuses: one function for each error, each call a fresh instance.

A :class:`ServiceError` is a caller's mistake, or a state that forbids the request; it goes to the caller as
the service's error body. A bug of the emulator is never a ServiceError.

Source: reference of the service, section 7 (Batch status and error codes; texts of recordings where there are
any).
"""

from __future__ import annotations

from collections.abc import Sequence

CONDITION_NOT_MET = "The condition specified using HTTP conditional header(s) is not met."

RETRY_AFTER_SECONDS = "1"
"""How long a client is told to wait after a refusal that time heals."""


class ServiceError(Exception):
    """
    A refusal.

    :param code: the service's code, for example ``PoolNotFound``.
    :param status: HTTP status.
    :param message: text without request id and time, which the wire adds.
    :param values: key and value pairs of the error body.

    ``retry_after`` is the text of the Retry-After header; None for no such header.
    """

    def __init__(self, code: str, status: int, message: str, values: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{code} (HTTP {status}): {message}")
        self.code = code
        self.status = status
        self.message = message
        self.values = tuple(values)
        self.retry_after = RETRY_AFTER_SECONDS if status in (429, 503) else None


# --- the request ------------------------------------------------------------------------------------


def _property(code: str, message: str, name: str, value: str | None, reason: str | None) -> ServiceError:
    values = [("PropertyName", name)]
    if value is not None:
        values.append(("PropertyValue", value))
    if reason is not None:
        values.append(("Reason", reason))
    return ServiceError(code, 400, message, values)


def invalid_property_value(name: str, value: str | None = None, reason: str | None = None) -> ServiceError:
    """A property of the body has a value that is not allowed."""
    return _property(
        "InvalidPropertyValue",
        "The value provided for one of the properties in the request body is invalid.",
        name,
        value,
        reason,
    )


def missing_required_property(name: str) -> ServiceError:
    """A property of the body is absent."""
    return _property(
        "MissingRequiredProperty",
        "A required property was not specified in the request body.",
        name,
        None,
        None,
    )


def unsupported_property(name: str | None = None, reason: str | None = None) -> ServiceError:
    """A property of the body does not belong there."""
    message = "One of the properties specified in the request body is not supported."
    if name is None:
        return ServiceError("UnsupportedProperty", 400, message)
    return _property("UnsupportedProperty", message, name, None, reason)


def invalid_request_body(reason: str | None = None) -> ServiceError:
    """The body is no JSON object of the wanted form."""
    values = () if reason is None else (("Reason", reason),)
    return ServiceError(
        "InvalidRequestBody", 400, "The specified Request Body is not syntactically valid.", values
    )


def request_body_too_large() -> ServiceError:
    """The body has more bytes, or more elements, than the service takes."""
    return ServiceError(
        "RequestBodyTooLarge", 413, "The size of the request body exceeds the maximum size permitted."
    )


def missing_required_query_parameter(name: str) -> ServiceError:
    """A query parameter is absent."""
    return ServiceError(
        "MissingRequiredQueryParameter",
        400,
        "A query parameter that's mandatory for this request is not specified.",
        (("QueryParameterName", name),),
    )


def invalid_query_parameter_value(name: str, value: str, reason: str | None = None) -> ServiceError:
    """A query parameter has a value that is not allowed."""
    values = [("QueryParameterName", name), ("QueryParameterValue", value)]
    if reason is not None:
        values.append(("Reason", reason))
    return ServiceError(
        "InvalidQueryParameterValue",
        400,
        "Value for one of the query parameters specified in the request URI is invalid.",
        values,
    )


def unsupported_query_parameter(name: str) -> ServiceError:
    """A query parameter does not belong there."""
    return ServiceError(
        "UnsupportedQueryParameter",
        400,
        "One of the query parameters specified in the request URI is not supported.",
        (("QueryParameterName", name),),
    )


def unsupported_request_version(version: str) -> ServiceError:
    """The api-version is not known."""
    return ServiceError(
        "UnsupportedRequestVersion",
        400,
        "The specified api version in the request is not supported.",
        (("QueryParameterName", "api-version"), ("QueryParameterValue", version)),
    )


def missing_required_header(name: str) -> ServiceError:
    """A header is absent."""
    return ServiceError(
        "MissingRequiredHeader",
        400,
        "An HTTP header that's mandatory for this request is not specified.",
        (("HeaderName", name),),
    )


def invalid_header_value(name: str, value: str) -> ServiceError:
    """A header has a value that is not allowed."""
    return ServiceError(
        "InvalidHeaderValue",
        400,
        "The value provided for one of the HTTP headers was not in the correct format.",
        (("HeaderName", name), ("HeaderValue", value)),
    )


def missing_content_length_header() -> ServiceError:
    """A body without its length."""
    return ServiceError("MissingContentLengthHeader", 411, "The Content-Length header was not specified.")


def invalid_uri() -> ServiceError:
    """The path names no resource of the service."""
    return ServiceError("InvalidUri", 400, "The requested URI does not represent any resource on the server.")


def resource_not_found() -> ServiceError:
    """There is nothing at the path."""
    return ServiceError("ResourceNotFound", 404, "The specified resource does not exist.")


def unsupported_http_verb(verb: str) -> ServiceError:
    """The resource does not know the verb."""
    return ServiceError(
        "UnsupportedHttpVerb",
        405,
        "The resource doesn't support the specified HTTP verb.",
        (("HttpVerb", verb),),
    )


def authentication_failed(detail: str, status: int = 403) -> ServiceError:
    """The signature, the time or the token is wrong."""
    return ServiceError(
        "AuthenticationFailed",
        status,
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed"
        " correctly including the signature.",
        (("AuthenticationErrorDetail", detail),),
    )


def invalid_authentication_info(detail: str) -> ServiceError:
    """The Authorization header cannot be read."""
    return ServiceError(
        "InvalidAuthenticationInfo",
        400,
        "The authentication information was not provided in the correct format.",
        (("AuthenticationErrorDetail", detail),),
    )


def condition_not_met(*, reading: bool = False) -> ServiceError:
    """A conditional header does not hold: 304 for reads, 412 for writes."""
    return ServiceError("ConditionNotMet", 304 if reading else 412, CONDITION_NOT_MET)


def invalid_range() -> ServiceError:
    """The wanted bytes lie outside the file."""
    return ServiceError(
        "InvalidRange", 416, "The range specified is invalid for the current size of the file."
    )


def not_implemented(what: str) -> ServiceError:
    """Something that Azure has and this emulator has not."""
    return ServiceError(
        "NotImplemented", 501, f"{what}: valid in Azure, not implemented here.", (("Feature", what),)
    )


def internal_error() -> ServiceError:
    """A bug of the emulator, in the service's words."""
    return ServiceError(
        "InternalError", 500, "Server encountered an internal error. Please try again after some time."
    )


def server_busy() -> ServiceError:
    """Too much at once; the wire adds Retry-After."""
    return ServiceError(
        "ServerBusy", 503, "The server is currently unable to receive requests. Please retry."
    )


def too_many_requests() -> ServiceError:
    """Too many requests; the wire adds Retry-After."""
    return ServiceError("TooManyRequests", 429, "Too many requests were received. Please retry.")


def forbidden(reason: str) -> ServiceError:
    """The caller is known and may not do that."""
    return ServiceError("Forbidden", 403, "Access is Forbidden", (("Reason", reason),))


# --- pools and nodes --------------------------------------------------------------------------------


def pool_not_found() -> ServiceError:
    """There is no such pool."""
    return ServiceError("PoolNotFound", 404, "The specified pool does not exist.")


def pool_exists() -> ServiceError:
    """A pool of that id exists."""
    return ServiceError("PoolExists", 409, "The specified pool already exists.")


def pool_being_deleted() -> ServiceError:
    """The pool is going away."""
    return ServiceError(
        "PoolBeingDeleted", 409, "The specified pool has been marked for deletion and is being reclaimed."
    )


def pool_being_resized() -> ServiceError:
    """The pool is not steady."""
    return ServiceError("PoolBeingResized", 409, "The specified pool is being resized")


def pool_quota_reached() -> ServiceError:
    """The account has as many pools as it may."""
    return ServiceError("PoolQuotaReached", 409, "The pool quota for the account has been reached.")


def application_not_found() -> ServiceError:
    """There is no such application."""
    return ServiceError("ApplicationNotFound", 404, "The specified application does not exist.")


def invalid_application_package_references(application_id: str, version: str | None) -> ServiceError:
    """A pool or a task refers to a package that nodes cannot use."""
    shown = "its default version" if version is None else f"version {version}"
    return ServiceError(
        "InvalidApplicationPackageReferences",
        409,
        "One or more of the specified application package references are invalid.",
        ((application_id, f"The application has no active package for {shown}"),),
    )


def operation_not_valid_on_pool(reason: str) -> ServiceError:
    """The pool is of a kind that does not know the operation."""
    return ServiceError(
        "OperationNotValidOnPool",
        409,
        "The specified operation is not valid on the pool.",
        (("Reason", reason),),
    )


def invalid_auto_scaling_settings(reason: str) -> ServiceError:
    """Formula, interval and targets do not fit together."""
    return ServiceError(
        "InvalidAutoScalingSettings",
        400,
        "The specified auto-scaling settings are not valid.",
        (("Reason", reason),),
    )


def auto_scaling_formula_syntax_error(detail: str) -> ServiceError:
    """The formula is not of the language."""
    return ServiceError(
        "AutoScalingFormulaSyntaxError",
        400,
        "The specified auto-scaling formula has a syntax error.",
        (("Message", detail),),
    )


def auto_scaling_formula_too_long() -> ServiceError:
    """The formula has too many characters."""
    return ServiceError(
        "AutoScalingFormulaTooLong", 400, "The specified auto-scaling formula exceeds lengths limit."
    )


def too_many_enable_auto_scale_requests() -> ServiceError:
    """Automatic scaling of the pool was enabled a moment ago; the wire adds Retry-After."""
    return ServiceError(
        "TooManyEnableAutoScaleRequests",
        503,
        "Enable auto-scale requests for the same pool must be separated by at least 30 seconds.",
    )


def node_not_found() -> ServiceError:
    """There is no such node."""
    return ServiceError("NodeNotFound", 404, "The specified node does not exist.")


def operation_not_valid_on_node(reason: str) -> ServiceError:
    """The node is of a kind that does not know the operation."""
    return ServiceError(
        "OperationNotValidOnNode",
        409,
        "The specified operation is not valid on the node.",
        (("Reason", reason),),
    )


def _node(code: str, message: str) -> ServiceError:
    return ServiceError(code, 409, message)


def node_being_created() -> ServiceError:
    """The node has no machine yet."""
    return _node("NodeBeingCreated", "The specified node is being created.")


def node_being_started() -> ServiceError:
    """The node boots."""
    return _node("NodeBeingStarted", "The specified node is being started.")


def node_being_rebooted() -> ServiceError:
    """The node is on its way down and up again."""
    return _node("NodeBeingRebooted", "The specified node is being rebooted.")


def node_being_reimaged() -> ServiceError:
    """The node gets another disk."""
    return _node("NodeBeingReimaged", "The specified node is being reimaged.")


def node_state_unusable() -> ServiceError:
    """The node is broken."""
    return _node("NodeStateUnusable", "The specified node is unusable.")


def node_already_in_target_scheduling_state() -> ServiceError:
    """The node's scheduling is as wanted already."""
    return _node(
        "NodeAlreadyInTargetSchedulingState",
        "The specified node is already in the target scheduling state.",
    )


def node_user_exists() -> ServiceError:
    """A user of that name exists on the node."""
    return _node("NodeUserExists", "The specified node user already exists.")


def node_user_not_found() -> ServiceError:
    """There is no such user on the node."""
    return ServiceError("NodeUserNotFound", 404, "The specified node user does not exist.")


# --- jobs -------------------------------------------------------------------------------------------


def job_not_found() -> ServiceError:
    """There is no such job."""
    return ServiceError("JobNotFound", 404, "The specified job does not exist.")


def job_exists() -> ServiceError:
    """A job of that id exists."""
    return ServiceError("JobExists", 409, "The specified job already exists.")


def job_completed() -> ServiceError:
    """The job has ended."""
    return ServiceError("JobCompleted", 409, "The specified job is already in a completed state.")


def job_being_terminated() -> ServiceError:
    """The job is ending."""
    return ServiceError("JobBeingTerminated", 409, "The specified job is being terminated.")


def job_being_deleted() -> ServiceError:
    """The job is going away."""
    return ServiceError(
        "JobBeingDeleted",
        409,
        "The specified job has been marked for deletion and is being garbage collected.",
    )


def job_disabled() -> ServiceError:
    """The job is disabled."""
    return ServiceError("JobDisabled", 409, "The specified job is disabled.")


def job_not_active() -> ServiceError:
    """The job is in another state than active."""
    return ServiceError("JobNotActive", 409, "The specified job is not in active state.")


def active_job_and_schedule_quota_reached() -> ServiceError:
    """The account has as many jobs that are not completed as it may."""
    return ServiceError(
        "ActiveJobAndScheduleQuotaReached",
        409,
        "The active job and job schedule quota for the account has been reached.",
    )


def job_schedule_not_found() -> ServiceError:
    """There is no such job schedule."""
    return ServiceError("JobScheduleNotFound", 404, "The specified job schedule does not exist.")


def job_schedule_exists() -> ServiceError:
    """A job schedule of that id exists."""
    return ServiceError("JobScheduleExists", 409, "The specified job schedule already exists.")


def job_with_same_id_exists() -> ServiceError:
    """A job has the id that a job schedule was to have: they share one name space."""
    return ServiceError("JobWithSameIdExists", 409, "A job with the specified id already exists.")


def job_schedule_with_same_id_exists() -> ServiceError:
    """A job schedule has the id that a job was to have: they share one name space."""
    return ServiceError(
        "JobScheduleWithSameIdExists", 409, "A job schedule with the specified id already exists."
    )


def job_schedule_completed() -> ServiceError:
    """The job schedule has ended."""
    return ServiceError(
        "JobScheduleCompleted", 409, "The specified job schedule is already in a completed state."
    )


def job_schedule_being_terminated() -> ServiceError:
    """The job schedule is ending."""
    return ServiceError("JobScheduleBeingTerminated", 409, "The specified job schedule is being terminated.")


def job_schedule_being_deleted() -> ServiceError:
    """The job schedule is going away."""
    return ServiceError(
        "JobScheduleBeingDeleted",
        409,
        "The specified job schedule has been marked for deletion and is being garbage collected.",
    )


def operation_invalid_for_current_state() -> ServiceError:
    """The resource's state forbids the operation."""
    return ServiceError(
        "OperationInvalidForCurrentState",
        409,
        "The specified operation is not valid for the current state of the resource.",
    )


def job_preparation_task_or_release_task_not_specified() -> ServiceError:
    """The job has neither of these tasks."""
    return ServiceError(
        "JobPreparationTaskOrReleaseTaskNotSpecified",
        409,
        "The specified job does not have either job preparation task or job release task.",
    )


# --- management plane -------------------------------------------------------------------------------


def application_package_not_found() -> ServiceError:
    """There is no such version of the application."""
    return ServiceError(
        "ApplicationPackageNotFound", 404, "The specified application package does not exist."
    )


def application_packages_not_empty() -> ServiceError:
    """The application has packages, so it cannot be deleted."""
    return ServiceError(
        "ApplicationPackagesNotEmpty",
        409,
        "The specified application has packages; delete them first.",
    )


def application_package_blob_not_found() -> ServiceError:
    """No file was uploaded for the version."""
    return ServiceError(
        "ApplicationPackageBlobNotFound", 409, "The blob of the specified application package does not exist."
    )


def requested_default_version_not_active() -> ServiceError:
    """The default version must be one that nodes can use."""
    return ServiceError(
        "RequestedDefaultVersionNotActive",
        409,
        "The requested default version of the application is not an active package.",
    )


def application_package_updates_not_allowed() -> ServiceError:
    """The application says that an active version is never replaced. (The code is not recorded.)"""
    return ServiceError(
        "ApplicationPackageUpdatesNotAllowed",
        409,
        "The application does not allow its active packages to be replaced.",
    )


def application_quota_reached() -> ServiceError:
    """The account has as many applications as it may. (The code is not recorded.)"""
    return ServiceError(
        "ApplicationQuotaReached", 409, "The application quota for the account has been reached."
    )


def application_package_quota_reached() -> ServiceError:
    """The application has as many packages as it may. (The code is not recorded.)"""
    return ServiceError(
        "ApplicationPackageQuotaReached", 409, "The package quota for the application has been reached."
    )


def account_not_enabled_for_auto_storage() -> ServiceError:
    """No storage account is linked with the Batch account."""
    return ServiceError(
        "AccountNotEnabledForAutoStorage", 409, "The specified account does not have auto storage enabled."
    )


def auto_storage_not_usable(reason: str) -> ServiceError:
    """The linked storage account did not do what it was asked. (The code is the emulator's.)"""
    return ServiceError(
        "AutoStorageNotUsable",
        409,
        "The auto storage account of the specified account cannot be used.",
        (("Reason", reason),),
    )


def management_authentication_missing() -> ServiceError:
    """A request to the management plane without a bearer token."""
    return ServiceError(
        "AuthenticationFailed", 401, "Authentication failed. The 'Authorization' header is missing."
    )


def invalid_authentication_token() -> ServiceError:
    """A bearer token that is not accepted."""
    return ServiceError("InvalidAuthenticationToken", 401, "The access token is invalid.")


def missing_api_version_parameter() -> ServiceError:
    """A request to the management plane without a version."""
    return ServiceError(
        "MissingApiVersionParameter",
        400,
        "The api-version query parameter (?api-version=) is required for all requests.",
    )


def invalid_api_version_parameter(version: str, supported: Sequence[str]) -> ServiceError:
    """A version that the management plane does not know."""
    return ServiceError(
        "InvalidApiVersionParameter",
        400,
        f"The api-version '{version}' is invalid. The supported versions are '{','.join(supported)}'.",
    )


def location_not_available(location: str) -> ServiceError:
    """Another region than the configured one."""
    return ServiceError(
        "LocationNotAvailableForResourceType",
        400,
        f"The provided location '{location}' is not available for resource type 'Microsoft.Batch/locations'.",
    )


def subscription_not_found(subscription_id: str) -> ServiceError:
    """Another subscription than the configured one."""
    return ServiceError(
        "SubscriptionNotFound", 404, f"The subscription '{subscription_id}' could not be found."
    )


def resource_group_not_found(name: str) -> ServiceError:
    """Another resource group than the configured one."""
    return ServiceError("ResourceGroupNotFound", 404, f"Resource group '{name}' could not be found.")


def arm_resource_not_found(kind: str, name: str, resource_group: str) -> ServiceError:
    """Another account than the configured one."""
    return ServiceError(
        "ResourceNotFound",
        404,
        f"The Resource '{kind}/{name}' under resource group '{resource_group}' was not found.",
    )


# --- tasks and files --------------------------------------------------------------------------------


def task_not_found() -> ServiceError:
    """There is no such task."""
    return ServiceError("TaskNotFound", 404, "The specified task does not exist.")


def task_exists() -> ServiceError:
    """A task of that id exists in the job."""
    return ServiceError("TaskExists", 409, "The specified task already exists.")


def task_id_same_as_job_preparation_task() -> ServiceError:
    """The job's preparation task has the id."""
    message = "The specified task id is the same as the job preparation task id."
    return ServiceError("TaskIdSameAsJobPreparationTask", 409, message)


def task_id_same_as_job_release_task() -> ServiceError:
    """The job's release task has the id."""
    message = "The specified task id is the same as the job release task id."
    return ServiceError("TaskIdSameAsJobReleaseTask", 409, message)


def job_preparation_task_not_specified() -> ServiceError:
    """A release task without a preparation task."""
    message = "The specified job does not have a job preparation task."
    return ServiceError("JobPreparationTaskNotSpecified", 409, message)


def task_completed() -> ServiceError:
    """The task has ended."""
    return ServiceError("TaskCompleted", 409, "The specified task is already in a completed state.")


def task_not_completed() -> ServiceError:
    """The task has not ended."""
    return ServiceError("TaskNotCompleted", 409, "The specified task is not in a completed state.")


def task_succeeded() -> ServiceError:
    """The task has ended well."""
    return ServiceError("TaskSucceeded", 409, "The specified task has already succeeded.")


def task_dependencies_not_specified_on_job() -> ServiceError:
    """The job does not use dependencies; the code that the documentation names."""
    return ServiceError(
        "TaskDependenciesNotSpecifiedOnJob",
        400,
        "The specified job does not use task dependencies.",
    )


def task_dependency_list_too_long() -> ServiceError:
    """The parents' ids have too many characters."""
    return ServiceError(
        "TaskDependencyListTooLong", 400, "The list of task ids that the task depends on is too long."
    )


def task_files_unavailable() -> ServiceError:
    """The task never ran, or its node is gone."""
    return ServiceError("TaskFilesUnavailable", 409, "The files of the specified task are unavailable.")


def task_files_cleaned_up() -> ServiceError:
    """The task's retention time is over."""
    return ServiceError("TaskFilesCleanedup", 409, "The files of the specified task are cleaned up.")


def file_not_found() -> ServiceError:
    """There is no such file, or the path leads out of the directory."""
    return ServiceError("FileNotFound", 404, "The specified file does not exist.")
