"""The name of 2018 for deployments."""

from __future__ import annotations

import os

from ..classifiers import Classifier
from ..serving.deployment import Deployment

__all__ = ["AMLDeployment"]


class AMLDeployment(Deployment):
    """`Deployment` with the keywords of 2018.

    Parameters
    ----------
    deployment_name, replicas
        See `Deployment`.
    associated_DNNModel : Classifier or path, optional
        Its `model`.
    aml_env : str
        Its `target`: ``"local"`` or ``"cluster"``.
    cluster_name : str, optional
        Its `address`, of a Ray cluster.
    resource_group : str, optional
        Has no meaning here.
    """

    def __init__(
        self,
        deployment_name: str,
        associated_DNNModel: Classifier | str | os.PathLike[str] | None = None,  # noqa: N803
        aml_env: str = "local",
        cluster_name: str | None = None,
        resource_group: str | None = None,
        replicas: int = 1,
    ) -> None:
        super().__init__(
            deployment_name,
            associated_DNNModel,
            aml_env,
            replicas,
            address=cluster_name if aml_env == "cluster" else None,
        )
