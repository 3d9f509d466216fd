"""The main job on real purchases: a shop, an airline and an employer on one platform, one file a story."""
