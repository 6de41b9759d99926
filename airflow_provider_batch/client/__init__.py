"""The only importer of the Azure SDK: sessions that send the requests of ``domain.requests``."""
