"""hfy_sklearn.py: scikit-learn's own checks, and what the estimators are worth on its digits."""
import pickle
import unittest
import warnings

import numpy as np

try:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.utils.estimator_checks import check_estimator

    import hfy_sklearn
except ImportError:
    hfy_sklearn = None


@unittest.skipIf(hfy_sklearn is None, "no scikit-learn here (Debian: python3-sklearn)")
class Sklearn(unittest.TestCase):
    def test_check_estimator(self):
        for kind in (hfy_sklearn.HopfieldClassifier, hfy_sklearn.HopfieldRegressor, hfy_sklearn.HopfieldRecall):
            for options in ({}, {"separation": "softmax", "beta": 2.0}):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of checks that need pandas
                    check_estimator(kind(**options))

    def test_digits(self):
        x, y = load_digits(return_X_y=True)
        x, x_test, y, y_test = train_test_split(x[:1000], y[:1000], random_state=0)
        model = hfy_sklearn.HopfieldClassifier(beta=.05).fit(x, y)
        p = model.predict_proba(x_test)
        np.testing.assert_allclose(p.sum(1), 1)
        self.assertGreaterEqual(model.score(x_test, y_test), KNeighborsClassifier(1).fit(x, y).score(x_test, y_test) - .01)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x_test), p)
        x_again, x[:] = x.copy(), 0  # what was fitted stays
        np.testing.assert_array_equal(model.predict_proba(x_test), p)
        x[:] = x_again
        search = GridSearchCV(hfy_sklearn.HopfieldClassifier(), {"beta": [.01, .1], "separation": ["softmax", "sparsemax"]}, cv=2)
        self.assertGreater(search.fit(x[:200], y[:200]).best_score_, .8)
        recall = hfy_sklearn.HopfieldRecall(beta=1.0).fit(x)
        broken = x[:20].copy()
        broken[:, 40:] = x.mean(0)[40:]
        self.assertGreater((recall.transform(broken) == x[:20]).all(1).sum(), 15)
        model = hfy_sklearn.HopfieldRegressor(beta=1.0).fit(x, np.c_[y, -y])
        np.testing.assert_allclose(model.predict(x[:9]), np.c_[y, -y][:9])
        with self.assertRaisesRegex(ValueError, "scale"):
            hfy_sklearn.HopfieldClassifier(beta="auto").fit(x, y)


if __name__ == "__main__":
    unittest.main()
