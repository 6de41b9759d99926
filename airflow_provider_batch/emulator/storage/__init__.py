"""The files of tasks and nodes, and nothing outside their directories; blobs in Azure Storage or Azurite."""
