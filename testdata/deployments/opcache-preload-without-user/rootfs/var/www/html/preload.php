<?php function greeting() { return "OK"; }
