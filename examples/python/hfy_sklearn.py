"""hfy.h in scikit-learn (tested with 1.2): memories as estimators. beta="scale" is 1 / (features x variance of X).

    from hfy_sklearn import HopfieldClassifier
    HopfieldClassifier(separation="sparsemax", beta=4).fit(X, y).predict(X_new)
"""
import numpy as np
from sklearn.base import (BaseEstimator, ClassifierMixin, MultiOutputMixin, OneToOneFeatureMixin, RegressorMixin,
                          TransformerMixin)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

import hfy

try:
    from sklearn.utils.validation import validate_data as _validate  # 1.6 and later
except ImportError:
    def _validate(estimator, *arrays, **how):
        return estimator._validate_data(*arrays, **how)

_REALS = {"dtype": [np.float64, np.float32], "order": "C"}


class _Hopfield(BaseEstimator):
    """What the estimators share: rows of X are stored, similarity and separation say what each counts for a query."""

    def __init__(self, separation="sparsemax", beta="scale", similarity="euclidean", steps=1):
        self.separation = separation
        self.beta = beta
        self.similarity = similarity
        self.steps = steps

    def _store(self, X, readout=None):
        beta = self.beta
        if isinstance(beta, str):
            if beta != "scale":
                raise ValueError(f'beta is {beta!r}; it should be "scale" or a number above 0')
            variance = float(X.var(dtype=np.float64))
            beta = 1 / (X.shape[1] * variance) if variance > 0 else 1.0
        self.memory_ = hfy.Memory(X.copy(), self.separation, beta, self.similarity, readout=readout, steps=self.steps)
        return self

    def _rows(self, X):
        check_is_fitted(self, "memory_")
        return _validate(self, X, reset=False, **_REALS).astype(self.memory_.dtype, copy=False)


class HopfieldClassifier(ClassifierMixin, _Hopfield):
    """A class's probability is the weight of its stored rows together."""

    def fit(self, X, y):
        X, y = _validate(self, X, y, **_REALS)
        check_classification_targets(y)
        self.classes_, which = np.unique(y, return_inverse=True)
        return self._store(X, np.eye(len(self.classes_), dtype=X.dtype)[which])

    def predict_proba(self, X):
        rows = self._rows(X)
        return self.memory_.recall(rows)

    def predict(self, X):
        weights = self.predict_proba(X)
        return self.classes_[weights.argmax(axis=1)]


class HopfieldRegressor(RegressorMixin, MultiOutputMixin, _Hopfield):
    """The stored rows' y, weighted."""

    def fit(self, X, y):
        X, y = _validate(self, X, y, multi_output=True, y_numeric=True, **_REALS)
        self.single_ = y.ndim == 1
        return self._store(X, np.ascontiguousarray(y.reshape(len(X), -1), X.dtype))

    def predict(self, X):
        rows = self._rows(X)
        found = self.memory_.recall(rows)
        return found[:, 0] if self.single_ else found


class HopfieldRecall(OneToOneFeatureMixin, TransformerMixin, _Hopfield):
    """Each row becomes what the stored rows make of it: noise goes, what is missing is filled in."""

    def fit(self, X, y=None):
        return self._store(_validate(self, X, **_REALS))

    def transform(self, X):
        rows = self._rows(X)
        return self.memory_.recall(rows)

    def _more_tags(self):
        return {"preserves_dtype": [np.float64, np.float32]}
