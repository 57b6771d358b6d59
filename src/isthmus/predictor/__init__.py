"""The predictor: encoders, columns, a fusion, its calibration and its report, in one folder."""
