"""
What a pool, a job and a task may be made of: the create bodies of the Batch REST API, as data.

The names of the definitions are those of the models of ``azure-batch`` 15.1, and a test compares every
field, nesting and requirement with these models, so that this table cannot rot. What the models do not
say stands here as well: ranges, which text the service compares without case, which field is a secret.

Notation, read by :mod:`airflow_provider_batch.specs.kinds`::

    name!                  the field is required
    text                   a string; "text 1..64" bounds its length
    caseless               a string that the service compares, or returns, without regard to case
    id                     1 to 64 letters, digits, hyphens and underscores
    command                a command line
    url                    an address; its query may carry a SAS signature, which is a secret
    secret                 never returned by the service, never shown in a message, never hashed
    integer  boolean       "integer 0..10", "integer 1.." bound it
    duration               ISO 8601; "duration PT5M..P7D" bounds it
    =a|b                   one of these values, whatever their case
    [X]  [X] ..5           a list of X, here with at most 5 elements
    {X}                    an object with names of the user's choice and values X
    Name                   another definition

What the service never sees, since it is looked up in the list of supported images before a pool is created:
a node agent that is missing, and the newest image (:data:`LOOKED_UP`). A pool's ``identity`` stands here in
the form in which the service shows it; only the management plane takes it, in a form of its own.

Sources: models and docstrings of azure-batch 15.1 (REST API 2025-06-01); "Batch service quotas and limits".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

API_VERSION: Final = "2025-06-01"

POOL: Final = "BatchPoolCreateOptions"
JOB: Final = "BatchJobCreateOptions"
TASK: Final = "BatchTaskCreateOptions"

#: the definition of our own, below ``virtualMachineConfiguration.newestImage``
LOOKED_UP: Final = "NewestImage"

#: fields of older versions of the API, which recipes on the Web still show, and what to do instead
RETIRED: Final[Mapping[str, str]] = {
    "applicationLicenses": "the service has retired it",
    "authenticationTokenSettings": "the service has retired it; give the pool a user-assigned identity",
    "certificateReferences": "the service has retired it; use Azure Key Vault",
    "cloudServiceConfiguration": "the service has retired it; use virtualMachineConfiguration",
    "currentNodeCommunicationMode": "the service has retired it; every pool uses the simplified mode",
    "maxTasksPerNode": "use taskSlotsPerNode",
    "resourceTags": "the service has retired it; use metadata",
    "targetNodeCommunicationMode": "the service has retired it; every pool uses the simplified mode",
}

DEFINITIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "BatchPoolCreateOptions": {
        "id!": "id",
        "displayName": "text ..1024",
        "vmSize!": "caseless 1..",
        "virtualMachineConfiguration": "VirtualMachineConfiguration",
        "resizeTimeout": "duration PT5M..",
        "targetDedicatedNodes": "integer 0..",
        "targetLowPriorityNodes": "integer 0..",
        "enableAutoScale": "boolean",
        "autoScaleFormula": "text 1..8192",
        "autoScaleEvaluationInterval": "duration PT5M..P7D",
        "enableInterNodeCommunication": "boolean",
        "networkConfiguration": "NetworkConfiguration",
        "startTask": "BatchStartTask",
        "applicationPackageReferences": "[BatchApplicationPackageReference] ..10",
        "taskSlotsPerNode": "integer 1..256",
        "taskSchedulingPolicy": "BatchTaskSchedulingPolicy",
        "userAccounts": "[UserAccount]",
        "metadata": "[BatchMetadataItem]",
        "mountConfiguration": "[MountConfiguration] ..10",
        "upgradePolicy": "UpgradePolicy",
        "identity": "BatchPoolIdentity",
    },
    "BatchPoolIdentity": {
        "type!": "=UserAssigned|None",
        "userAssignedIdentities": "[BatchUserAssignedIdentity]",
    },
    "BatchUserAssignedIdentity": {
        "resourceId!": "caseless 1..",
    },
    "VirtualMachineConfiguration": {
        "imageReference!": "BatchVmImageReference",
        "nodeAgentSKUId": "caseless 1..",
        "newestImage": LOOKED_UP,
        "windowsConfiguration": "WindowsConfiguration",
        "dataDisks": "[DataDisk]",
        "licenseType": "caseless",
        "containerConfiguration": "BatchContainerConfiguration",
        "diskEncryptionConfiguration": "DiskEncryptionConfiguration",
        "nodePlacementConfiguration": "BatchNodePlacementConfiguration",
        "extensions": "[VMExtension]",
        "osDisk": "BatchOsDisk",
        "securityProfile": "SecurityProfile",
        "serviceArtifactReference": "ServiceArtifactReference",
    },
    "BatchVmImageReference": {
        "publisher": "caseless 1..",
        "offer": "caseless 1..",
        "sku": "caseless 1..",
        "version": "caseless 1..",
        "virtualMachineImageId": "caseless 1..",
        "sharedGalleryImageId": "caseless 1..",
        "communityGalleryImageId": "caseless 1..",
    },
    LOOKED_UP: {
        "osType": "=linux|windows",
        "capabilities": "[caseless 1..]",
        "supportLeft": "duration PT0S..",
    },
    "WindowsConfiguration": {
        "enableAutomaticUpdates": "boolean",
    },
    "DataDisk": {
        "lun!": "integer 0..",
        "caching": "=none|readonly|readwrite",
        "diskSizeGB!": "integer 1..",
        "managedDisk": "ManagedDisk",
    },
    "ManagedDisk": {
        "diskEncryptionSet": "DiskEncryptionSetParameters",
        "storageAccountType": "=standard_lrs|premium_lrs|standardssd_lrs",
        "securityProfile": "BatchVmDiskSecurityProfile",
    },
    "DiskEncryptionSetParameters": {
        "id": "caseless",
    },
    "BatchVmDiskSecurityProfile": {
        "securityEncryptionType": "=DiskWithVMGuestState|NonPersistedTPM|VMGuestStateOnly",
    },
    "BatchContainerConfiguration": {
        "type!": "=dockerCompatible|criCompatible",
        "containerImageNames": "[text]",
        "containerRegistries": "[ContainerRegistryReference]",
    },
    "ContainerRegistryReference": {
        "username": "text",
        "password": "secret",
        "registryServer": "text",
        "identityReference": "BatchNodeIdentityReference",
    },
    "BatchNodeIdentityReference": {
        "resourceId": "caseless",
    },
    "DiskEncryptionConfiguration": {
        "customerManagedKey": "DiskCustomerManagedKey",
        "targets": "[=osdisk|temporarydisk]",
    },
    "DiskCustomerManagedKey": {
        "identityReference": "BatchPoolIdentityReference",
        "keyUrl": "url",
        "rotationToLatestKeyVersionEnabled": "boolean",
    },
    "BatchPoolIdentityReference": {
        "resourceId": "caseless",
    },
    "BatchNodePlacementConfiguration": {
        "policy": "=regional|zonal",
    },
    "VMExtension": {
        "name!": "text",
        "publisher!": "text",
        "type!": "text",
        "typeHandlerVersion": "text",
        "autoUpgradeMinorVersion": "boolean",
        "enableAutomaticUpgrade": "boolean",
        "settings": "{text}",
        "protectedSettings": "{secret}",
        "provisionAfterExtensions": "[text]",
    },
    "BatchOsDisk": {
        "ephemeralOSDiskSettings": "BatchDiffDiskSettings",
        "caching": "=none|readonly|readwrite",
        "diskSizeGB": "integer 1..",
        "managedDisk": "ManagedDisk",
        "writeAcceleratorEnabled": "boolean",
    },
    "BatchDiffDiskSettings": {
        "placement": "=cachedisk",
    },
    "SecurityProfile": {
        "encryptionAtHost": "boolean",
        "proxyAgentSettings": "ProxyAgentSettings",
        "securityType": "=trustedLaunch|confidentialvm",
        "uefiSettings": "BatchUefiSettings",
    },
    "ProxyAgentSettings": {
        "enabled": "boolean",
        "imds": "HostEndpointSettings",
        "wireServer": "HostEndpointSettings",
    },
    "HostEndpointSettings": {
        "inVMAccessControlProfileReferenceId": "text",
        "mode": "=Audit|Enforce",
    },
    "BatchUefiSettings": {
        "secureBootEnabled": "boolean",
        "vTpmEnabled": "boolean",
    },
    "ServiceArtifactReference": {
        "id!": "caseless",
    },
    "NetworkConfiguration": {
        "subnetId": "caseless 1..",
        "dynamicVNetAssignmentScope": "=none|job",
        "endpointConfiguration": "BatchPoolEndpointConfiguration",
        "publicIPAddressConfiguration": "BatchPublicIpAddressConfiguration",
        "enableAcceleratedNetworking": "boolean",
    },
    "BatchPoolEndpointConfiguration": {
        "inboundNATPools!": "[BatchInboundNatPool] ..5",
    },
    "BatchInboundNatPool": {
        "name!": "text 1..77",
        "protocol!": "=tcp|udp",
        "backendPort!": "integer 1..65535",
        "frontendPortRangeStart!": "integer 1..65534",
        "frontendPortRangeEnd!": "integer 1..65534",
        "networkSecurityGroupRules": "[NetworkSecurityGroupRule]",
    },
    "NetworkSecurityGroupRule": {
        "priority!": "integer 150..4096",
        "access!": "=allow|deny",
        "sourceAddressPrefix!": "text",
        "sourcePortRanges": "[text]",
    },
    "BatchPublicIpAddressConfiguration": {
        "provision": "=batchmanaged|usermanaged|nopublicipaddresses",
        "ipFamilies": "[=IPv4|IPv6]",
        "ipAddressIds": "[caseless]",
        "ipTags": "[IPTag]",
    },
    "IPTag": {
        "ipTagType": "text",
        "tag": "text",
    },
    "BatchStartTask": {
        "commandLine!": "command",
        "containerSettings": "BatchTaskContainerSettings",
        "resourceFiles": "[ResourceFile]",
        "environmentSettings": "[EnvironmentSetting]",
        "userIdentity": "UserIdentity",
        "maxTaskRetryCount": "integer -1..",
        "waitForSuccess": "boolean",
    },
    "BatchTaskContainerSettings": {
        "containerRunOptions": "text",
        "imageName!": "text 1..",
        "registry": "ContainerRegistryReference",
        "workingDirectory": "=taskWorkingDirectory|containerImageDefault",
        "containerHostBatchBindMounts": "[ContainerHostBatchBindMountEntry]",
    },
    "ContainerHostBatchBindMountEntry": {
        "source": "=Shared|Startup|VfsMounts|Task|JobPrep|Applications",
        "isReadOnly": "boolean",
    },
    "ResourceFile": {
        "autoStorageContainerName": "text",
        "storageContainerUrl": "url",
        "httpUrl": "url",
        "blobPrefix": "text",
        "filePath": "text",
        "fileMode": "text",
        "identityReference": "BatchNodeIdentityReference",
    },
    "EnvironmentSetting": {
        "name!": "text 1..",
        "value": "text",
    },
    "UserIdentity": {
        "username": "text",
        "autoUser": "AutoUserSpecification",
    },
    "AutoUserSpecification": {
        "scope": "=task|pool",
        "elevationLevel": "=nonadmin|admin",
    },
    "BatchApplicationPackageReference": {
        "applicationId!": "caseless 1..",
        "version": "text",
    },
    "BatchTaskSchedulingPolicy": {
        "jobDefaultOrder": "=none|creationtime",
        "nodeFillType!": "=spread|pack",
    },
    "UserAccount": {
        "name!": "text 1..",
        "password!": "secret",
        "elevationLevel": "=nonadmin|admin",
        "linuxUserConfiguration": "LinuxUserConfiguration",
        "windowsUserConfiguration": "WindowsUserConfiguration",
    },
    "LinuxUserConfiguration": {
        "uid": "integer 0..",
        "gid": "integer 0..",
        "sshPrivateKey": "secret",
    },
    "WindowsUserConfiguration": {
        "loginMode": "=batch|interactive",
    },
    "BatchMetadataItem": {
        "name!": "text",
        "value!": "text",
    },
    "MountConfiguration": {
        "azureBlobFileSystemConfiguration": "AzureBlobFileSystemConfiguration",
        "nfsMountConfiguration": "NfsMountConfiguration",
        "cifsMountConfiguration": "CifsMountConfiguration",
        "azureFileShareConfiguration": "AzureFileShareConfiguration",
    },
    "AzureBlobFileSystemConfiguration": {
        "accountName!": "text",
        "containerName!": "text",
        "accountKey": "secret",
        "sasKey": "secret",
        "blobfuseOptions": "text",
        "relativeMountPath!": "text",
        "identityReference": "BatchNodeIdentityReference",
    },
    "NfsMountConfiguration": {
        "source!": "text",
        "relativeMountPath!": "text",
        "mountOptions": "text",
    },
    "CifsMountConfiguration": {
        "username!": "text",
        "source!": "text",
        "relativeMountPath!": "text",
        "mountOptions": "text",
        "password!": "secret",
    },
    "AzureFileShareConfiguration": {
        "accountName!": "text",
        "accountKey!": "secret",
        "azureFileUrl!": "url",
        "relativeMountPath!": "text",
        "mountOptions": "text",
    },
    "UpgradePolicy": {
        "mode!": "=automatic|manual|rolling",
        "automaticOSUpgradePolicy": "AutomaticOsUpgradePolicy",
        "rollingUpgradePolicy": "RollingUpgradePolicy",
    },
    "AutomaticOsUpgradePolicy": {
        "disableAutomaticRollback": "boolean",
        "enableAutomaticOSUpgrade": "boolean",
        "useRollingUpgradePolicy": "boolean",
        "osRollingUpgradeDeferral": "boolean",
    },
    "RollingUpgradePolicy": {
        "enableCrossZoneUpgrade": "boolean",
        "maxBatchInstancePercent": "integer 5..100",
        "maxUnhealthyInstancePercent": "integer 5..100",
        "maxUnhealthyUpgradedInstancePercent": "integer 0..100",
        "pauseTimeBetweenBatches": "duration PT0S..",
        "prioritizeUnhealthyInstances": "boolean",
        "rollbackFailedInstancesOnPolicyBreach": "boolean",
    },
    "BatchJobCreateOptions": {
        "id!": "id",
        "displayName": "text ..1024",
        "usesTaskDependencies": "boolean",
        "priority": "integer -1000..1000",
        "allowTaskPreemption": "boolean",
        "maxParallelTasks": "integer -1..",
        "constraints": "BatchJobConstraints",
        "jobManagerTask": "BatchJobManagerTask",
        "jobPreparationTask": "BatchJobPreparationTask",
        "jobReleaseTask": "BatchJobReleaseTask",
        "commonEnvironmentSettings": "[EnvironmentSetting]",
        "poolInfo!": "BatchPoolInfo",
        "onAllTasksComplete": "=noaction|terminatejob",
        "onTaskFailure": "=noaction|performexitoptionsjobaction",
        "networkConfiguration": "BatchJobNetworkConfiguration",
        "metadata": "[BatchMetadataItem]",
    },
    "BatchJobConstraints": {
        "maxWallClockTime": "duration PT0S..",
        "maxTaskRetryCount": "integer -1..",
    },
    "BatchJobManagerTask": {
        "id!": "id",
        "displayName": "text ..1024",
        "commandLine!": "command",
        "containerSettings": "BatchTaskContainerSettings",
        "resourceFiles": "[ResourceFile]",
        "outputFiles": "[OutputFile]",
        "environmentSettings": "[EnvironmentSetting]",
        "constraints": "BatchTaskConstraints",
        "requiredSlots": "integer 1..",
        "killJobOnCompletion": "boolean",
        "userIdentity": "UserIdentity",
        "runExclusive": "boolean",
        "applicationPackageReferences": "[BatchApplicationPackageReference]",
        "allowLowPriorityNode": "boolean",
    },
    "OutputFile": {
        "filePattern!": "text 1..",
        "destination!": "OutputFileDestination",
        "uploadOptions!": "OutputFileUploadConfiguration",
    },
    "OutputFileDestination": {
        "container": "OutputFileBlobContainerDestination",
    },
    "OutputFileBlobContainerDestination": {
        "path": "text",
        "containerUrl!": "url",
        "identityReference": "BatchNodeIdentityReference",
        "uploadHeaders": "[OutputFileUploadHeader]",
    },
    "OutputFileUploadHeader": {
        "name!": "text",
        "value": "text",
    },
    "OutputFileUploadConfiguration": {
        "uploadCondition!": "=tasksuccess|taskfailure|taskcompletion",
    },
    "BatchTaskConstraints": {
        "maxWallClockTime": "duration PT0S..",
        "retentionTime": "duration PT0S..",
        "maxTaskRetryCount": "integer -1..",
    },
    "BatchJobPreparationTask": {
        "id": "id",
        "commandLine!": "command",
        "containerSettings": "BatchTaskContainerSettings",
        "resourceFiles": "[ResourceFile]",
        "environmentSettings": "[EnvironmentSetting]",
        "constraints": "BatchTaskConstraints",
        "waitForSuccess": "boolean",
        "userIdentity": "UserIdentity",
        "rerunOnNodeRebootAfterSuccess": "boolean",
    },
    "BatchJobReleaseTask": {
        "id": "id",
        "commandLine!": "command",
        "containerSettings": "BatchTaskContainerSettings",
        "resourceFiles": "[ResourceFile]",
        "environmentSettings": "[EnvironmentSetting]",
        "maxWallClockTime": "duration PT0S..",
        "retentionTime": "duration PT0S..",
        "userIdentity": "UserIdentity",
    },
    "BatchPoolInfo": {
        "poolId": "id",
        "autoPoolSpecification": "BatchAutoPoolSpecification",
    },
    "BatchAutoPoolSpecification": {
        "autoPoolIdPrefix": "text ..20",
        "poolLifetimeOption!": "=jobschedule|job",
        "keepAlive": "boolean",
        "pool": "BatchPoolSpecification",
    },
    "BatchPoolSpecification": {
        "displayName": "text ..1024",
        "vmSize!": "caseless 1..",
        "virtualMachineConfiguration": "VirtualMachineConfiguration",
        "taskSlotsPerNode": "integer 1..256",
        "taskSchedulingPolicy": "BatchTaskSchedulingPolicy",
        "resizeTimeout": "duration PT5M..",
        "targetDedicatedNodes": "integer 0..",
        "targetLowPriorityNodes": "integer 0..",
        "enableAutoScale": "boolean",
        "autoScaleFormula": "text 1..8192",
        "autoScaleEvaluationInterval": "duration PT5M..P7D",
        "enableInterNodeCommunication": "boolean",
        "networkConfiguration": "NetworkConfiguration",
        "startTask": "BatchStartTask",
        "applicationPackageReferences": "[BatchApplicationPackageReference] ..10",
        "userAccounts": "[UserAccount]",
        "metadata": "[BatchMetadataItem]",
        "mountConfiguration": "[MountConfiguration] ..10",
        "upgradePolicy": "UpgradePolicy",
    },
    "BatchJobNetworkConfiguration": {
        "subnetId!": "caseless 1..",
        "skipWithdrawFromVNet": "boolean",
    },
    "BatchTaskCreateOptions": {
        "id!": "id",
        "displayName": "text ..1024",
        "exitConditions": "ExitConditions",
        "commandLine!": "command",
        "containerSettings": "BatchTaskContainerSettings",
        "resourceFiles": "[ResourceFile]",
        "outputFiles": "[OutputFile]",
        "environmentSettings": "[EnvironmentSetting]",
        "affinityInfo": "BatchAffinityInfo",
        "constraints": "BatchTaskConstraints",
        "requiredSlots": "integer 1..",
        "userIdentity": "UserIdentity",
        "multiInstanceSettings": "MultiInstanceSettings",
        "dependsOn": "BatchTaskDependencies",
        "applicationPackageReferences": "[BatchApplicationPackageReference]",
    },
    "ExitConditions": {
        "exitCodes": "[ExitCodeMapping]",
        "exitCodeRanges": "[ExitCodeRangeMapping]",
        "preProcessingError": "ExitOptions",
        "fileUploadError": "ExitOptions",
        "default": "ExitOptions",
    },
    "ExitCodeMapping": {
        "code!": "integer",
        "exitOptions!": "ExitOptions",
    },
    "ExitOptions": {
        "jobAction": "=none|disable|terminate",
        "dependencyAction": "=satisfy|block",
    },
    "ExitCodeRangeMapping": {
        "start!": "integer",
        "end!": "integer",
        "exitOptions!": "ExitOptions",
    },
    "BatchAffinityInfo": {
        "affinityId!": "text",
    },
    "MultiInstanceSettings": {
        "numberOfInstances": "integer 1..",
        "coordinationCommandLine!": "command",
        "commonResourceFiles": "[ResourceFile]",
    },
    "BatchTaskDependencies": {
        "taskIds": "[id]",
        "taskIdRanges": "[BatchTaskIdRange]",
    },
    "BatchTaskIdRange": {
        "start!": "integer",
        "end!": "integer",
    },
}
